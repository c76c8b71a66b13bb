"""Lua scripts: what they are told, what they may ask, and what keeps them within their limits."""
