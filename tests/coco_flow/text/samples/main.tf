terraform {
  required_version = ">= 1.5"
}

variable "place" {
  type    = string
  default = "garden"
}

resource "aws_s3_bucket" "hive" {
  bucket = "hive-${var.place}"
  tags = {
    Name  = "hive"
    Owner = "anna"
  }
}

output "name" {
  value = aws_s3_bucket.hive.bucket
}
