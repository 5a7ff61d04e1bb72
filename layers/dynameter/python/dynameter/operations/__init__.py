"""What operators run against a deployed stack, with their own AWS credentials; each command is a target of make."""
