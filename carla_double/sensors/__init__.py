"""What sensors see, and when.

In: the world after a tick. Out: one payload for each sensor that is due, ready for its stream.

    sensors   which are due, and what collisions, obstacles, IMU, GNSS and camera send
    camera    a pinhole camera over the painted ground, other vehicles as boxes
"""
