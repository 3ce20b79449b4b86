"""What the demo films: photos walk through a painted lobby, after a script that knows who can be seen when."""
