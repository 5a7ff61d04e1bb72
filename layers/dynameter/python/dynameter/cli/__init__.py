"""The command line: ``dynameter``. It calls the HTTP API alone and imports nothing of AWS."""
