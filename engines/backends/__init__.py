"""Runtimes that execute a built network: one a file, the same verbs in each."""
