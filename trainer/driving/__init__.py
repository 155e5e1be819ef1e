"""How well a vehicle drove: from what a simulator measured in an episode to the numbers that papers report.

In: the trace of an episode (`trainer.envs.driving.trace`) and how it ended. Out: one `DrivenEpisode` with its
measures, and their means and rates over many. Pure: no clock, no files, no simulator.

    scores    driving score by the leaderboard's formulas 2.0 and 2.1
    comfort   accelerations and jerks against published limits
    episode   the measures of an episode, and means and rates over several
    recorder  collects the traces of running episodes
"""
