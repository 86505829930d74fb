"""What is sent: requests drawn by the text, scenes and scenarios of them, and who steers which are drawn."""
