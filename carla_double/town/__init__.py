"""The town: everything that does not move.

In: a town's name. Out: its roads as OpenDRIVE text for the client, as lanes for traffic, and as images for the camera.

    town            streets and crossings on a grid -> roads and junctions
    road_network    roads, lanes and junctions as values
    opendrive       the network as OpenDRIVE 1.4
    lane_graph      the lanes as tables over the distance travelled
    ground_raster   the ground, painted from above

OpenDRIVE's y points left and CARLA's points right: `road_network` and `opendrive` use the former, the rest the latter.
"""
