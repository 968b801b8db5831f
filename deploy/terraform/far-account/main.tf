# The role that eks-api assumes for a cluster of another account: one permission in IAM, a trust policy for the service's
# role with an external id, and an access entry that puts the role into a group of the cluster. Apply it with credentials
# of the cluster's account and in the cluster's region, then apply deploy/rbac.yaml in the cluster. docs/CLUSTERS.md
# explains the rest. Each cluster needs a workspace. A second role in one account needs another name.

terraform {
  required_version = ">= 1.5"
  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = ">= 5.40"
    }
  }
}

data "aws_eks_cluster" "this" {
  name = var.cluster_name
}

# Only the service's role can assume this role, and only with the external id. IAM refuses a principal that does not exist.
# In pods the session tags of Pod Identity pass to this role, which needs sts:TagSession.
data "aws_iam_policy_document" "trust" {
  statement {
    actions = ["sts:AssumeRole", "sts:TagSession"]
    principals {
      type        = "AWS"
      identifiers = [var.service_role_arn]
    }
    condition {
      test     = "StringEquals"
      variable = "sts:ExternalId"
      values   = [var.external_id]
    }
  }
}

data "aws_iam_policy_document" "describe" {
  statement {
    actions   = ["eks:DescribeCluster"]
    resources = [data.aws_eks_cluster.this.arn]
  }
}

resource "aws_iam_role" "this" {
  name               = var.name
  description        = "eks-api of another account, for the cluster ${var.cluster_name}"
  assume_role_policy = data.aws_iam_policy_document.trust.json
}

resource "aws_iam_role_policy" "describe" {
  name   = "describe-cluster"
  role   = aws_iam_role.this.id
  policy = data.aws_iam_policy_document.describe.json
}

# The cluster's authentication mode must be API or API_AND_CONFIG_MAP.
resource "aws_eks_access_entry" "this" {
  cluster_name      = var.cluster_name
  principal_arn     = aws_iam_role.this.arn
  kubernetes_groups = [var.kubernetes_group]
  type              = "STANDARD"
}
