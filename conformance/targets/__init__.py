"""The servers that are held to the text: addresses, servers of this machine, profiles, and how they are set up."""
