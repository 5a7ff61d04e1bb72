"""What ties the library to Lambda and DynamoDB: settings, clients, faults, logs and metrics."""
