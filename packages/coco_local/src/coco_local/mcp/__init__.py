"""MCP: the server (stdio and streamable HTTP), and the installers for clients.

Importing this package costs nothing; `server`, `stdio` and `install` are imported where needed.
"""
