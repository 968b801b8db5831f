variable "cluster_name" {
  description = "Name of the EKS cluster in this account"
  type        = string
}

variable "service_role_arn" {
  description = "The role that eks-api runs as in its own account: the output role_arn of deploy/terraform"
  type        = string
}

variable "external_id" {
  description = "The external id that eks-api sends: external_id in the line of the cluster"
  type        = string
  validation {
    condition     = can(regex("^[A-Za-z0-9_+=,.@:/-]{2,}$", var.external_id)) && length(var.external_id) <= 1224
    error_message = "Use 2 to 1224 letters, digits and _+=,.@:/-."
  }
}

variable "name" {
  description = "Name of the role; another one for each cluster of the account"
  type        = string
  default     = "eks-api"
}

variable "kubernetes_group" {
  description = "Group of the role in the cluster; eks-api-follower with EKS_API_AUTH=kubernetes"
  type        = string
  default     = "eks-api"
}
