"""The local server: template.yaml's routes and stream, on an embedded DynamoDB engine."""
