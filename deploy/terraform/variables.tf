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
  description = "Where eks-api runs: ec2 (an instance profile is made) or pods (a Pod Identity association is made)"
  type        = string
  default     = "ec2"
  validation {
    condition     = contains(["ec2", "pods"], var.runs_on)
    error_message = "Use ec2 or pods."
  }
}

variable "kubernetes_group" {
  description = "Group in the cluster that the role is a member of; by default eks-api on ec2 and eks-api-follower in pods"
  type        = string
  default     = null
}
