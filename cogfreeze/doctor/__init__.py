"""`cog doctor`: checks of a project and of this machine, each with its cure, and the safe fixes."""
