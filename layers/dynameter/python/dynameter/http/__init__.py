"""HTTP messages as the dialects see them, and their translation from and to API Gateway's payload 2.0."""
