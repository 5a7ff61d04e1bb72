"""Dynameter: exact usage metering in your own AWS account.

The packages are named by subject. ``events``, ``meters``, ``usage`` and ``access`` each hold a pure core and,
beside it, the ``store`` that alone knows the table's keys. ``dialects`` holds the wire forms, ``http`` the messages
they are made of, ``runtime`` what ties the service to Lambda and DynamoDB.
"""
