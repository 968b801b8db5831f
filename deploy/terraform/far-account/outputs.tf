output "role_arn" {
  description = "The role to assume; an element of far_role_arns of deploy/terraform"
  value       = aws_iam_role.this.arn
}

# The fourth part of an ARN is its region.
output "clusters_file_line" {
  description = "The line for EKS_API_CLUSTERS_FILE; callers use its first word, which can be changed"
  value = join(" ", [
    lower(replace(var.cluster_name, "_", "-")),
    "cluster=${var.cluster_name}",
    "region=${split(":", data.aws_eks_cluster.this.arn)[3]}",
    "role=${aws_iam_role.this.arn}",
    "external_id=${var.external_id}",
  ])
}
