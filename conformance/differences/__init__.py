"""`redlark spec diff`: what two profiles say differently, histories that show it, and two real servers that do."""
