"""What every route takes and answers, as OpenAPI documents, one a dialect.

Descriptions stand in a package a dialect, a module a subject; bodies are the dialects' own models. The suite holds
every request and answer of its tests against them.
"""
