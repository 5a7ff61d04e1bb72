"""Deploys, checks and removes stacks: what the Makefile's targets ``deploy``, ``policies`` and ``remove`` run."""
