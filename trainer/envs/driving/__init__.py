"""What all driving simulators share, so that a policy trained in one can drive in another.

In: positions, speeds and the route of one or many vehicles, as arrays. Out: the observation vector and the reward with
its components, and the trace that tells how well was driven.

    spaces        observation and action spaces, and their description
    observation   the vector of 53 numbers: kinematics and the route ahead
    reward        the reward's terms, each with unit and scale
    route         a route as points: position along it, what is ahead
    trace         what a step tells about the driving, and how an episode ended
    limits        sizes, start of an episode, standstill, time to collision
"""
