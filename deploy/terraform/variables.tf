variable "cluster_name" {
  description = "Name of the EKS cluster"
  type        = string
}

variable "name" {
  description = "Name of the role and the instance profile"
  type        = string
  default     = "eks-api"
}

variable "runs_on" {
  description = "Where eks-api runs: ec2 (with an instance profile) or pods (with a Pod Identity association)"
  type        = string
  default     = "ec2"
  validation {
    condition     = contains(["ec2", "pods"], var.runs_on)
    error_message = "Use ec2 or pods."
  }
}

variable "kubernetes_group" {
  description = "Group of the role in the cluster; by default eks-api on ec2 and eks-api-follower in pods"
  type        = string
  default     = null
}

variable "far_role_arns" {
  description = "Roles that eks-api may assume: the outputs role_arn of far-account; keep them in later applies"
  type        = list(string)
  default     = []
}
