# The IAM role of eks-api: its permissions in IAM, an access entry that puts the role into a group of the cluster, and
# an instance profile or a Pod Identity association. deploy/rbac.yaml has the permissions of the group.

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

# EC2 gives the role to an instance, EKS Pod Identity to a pod.
data "aws_iam_policy_document" "trust" {
  statement {
    actions = local.on_ec2 ? ["sts:AssumeRole"] : ["sts:AssumeRole", "sts:TagSession"]
    principals {
      type        = "Service"
      identifiers = [local.on_ec2 ? "ec2.amazonaws.com" : "pods.eks.amazonaws.com"]
    }
  }
}

# The same as deploy/iam-policy.json.
data "aws_iam_policy_document" "describe" {
  statement {
    actions   = ["eks:DescribeCluster"]
    resources = [data.aws_eks_cluster.this.arn]
  }
}

locals {
  on_ec2 = var.runs_on == "ec2"
  # With EKS_API_AUTH=kubernetes, as in deploy/kubernetes.yaml, the service itself only follows jobs.
  default_group = local.on_ec2 ? "eks-api" : "eks-api-follower"
  has_far_roles = length(var.far_role_arns) > 0
}

resource "aws_iam_role" "this" {
  name               = var.name
  description        = "eks-api, for the cluster ${var.cluster_name}"
  assume_role_policy = data.aws_iam_policy_document.trust.json
}

resource "aws_iam_role_policy" "describe" {
  name   = "describe-cluster"
  role   = aws_iam_role.this.id
  policy = data.aws_iam_policy_document.describe.json
}

# The roles of far-account. The session tags of Pod Identity pass to them, which needs sts:TagSession.
data "aws_iam_policy_document" "assume" {
  count = local.has_far_roles ? 1 : 0
  statement {
    actions   = local.on_ec2 ? ["sts:AssumeRole"] : ["sts:AssumeRole", "sts:TagSession"]
    resources = var.far_role_arns
  }
}

resource "aws_iam_role_policy" "assume" {
  count  = local.has_far_roles ? 1 : 0
  name   = "assume-far-roles"
  role   = aws_iam_role.this.id
  policy = data.aws_iam_policy_document.assume[0].json
}

resource "aws_iam_instance_profile" "this" {
  count = local.on_ec2 ? 1 : 0
  name  = var.name
  role  = aws_iam_role.this.name
}

resource "aws_eks_pod_identity_association" "this" {
  count           = local.on_ec2 ? 0 : 1
  cluster_name    = var.cluster_name
  namespace       = "eks-api"
  service_account = "eks-api"
  role_arn        = aws_iam_role.this.arn
}

# The cluster's authentication mode must be API or API_AND_CONFIG_MAP.
resource "aws_eks_access_entry" "this" {
  cluster_name      = var.cluster_name
  principal_arn     = aws_iam_role.this.arn
  kubernetes_groups = [coalesce(var.kubernetes_group, local.default_group)]
  type              = "STANDARD"
}
