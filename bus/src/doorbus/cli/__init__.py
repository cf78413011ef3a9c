"""The `doorbus` command: the human's way in. It does nothing that the topics cannot."""
