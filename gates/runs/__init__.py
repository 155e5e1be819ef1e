"""What is known about a run besides its series: configuration, how it ended, and which tag names it uses."""
