"""The archive's actors, and what can be said to them (``repertory.actors.messages``)."""
