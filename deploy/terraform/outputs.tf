output "role_arn" {
  description = "The role that eks-api runs as"
  value       = aws_iam_role.this.arn
}

output "instance_profile" {
  description = "The profile to start the instance with; null in pods"
  value       = one(aws_iam_instance_profile.this[*].name)
}
