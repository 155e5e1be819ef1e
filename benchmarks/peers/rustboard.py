"""TensorBoard's own compiled reader: a server process that hands scalars over by gRPC."""

from __future__ import annotations

import os
import time

from tensorboard.context import RequestContext
from tensorboard.data.server_ingester import SubprocessServerDataIngester, get_server_binary
from tensorboard.util.grpc_util import ChannelCredsType

_LOOK_EVERY_S = 0.2


def read(folder: str, most: int) -> int:
    """Read all scalars of a folder, at most `most` of a tag, and return their number; the server has ended then."""
    ingester = SubprocessServerDataIngester(
        server_binary=get_server_binary(),
        logdir=folder,
        reload_interval=0,
        channel_creds_type=ChannelCredsType.LOCAL,
        samples_per_plugin={"scalars": 0},
    )
    ingester.start()
    provider, context = ingester.data_provider, RequestContext()
    told = {"experiment_id": "", "plugin_name": "scalars"}

    def newest() -> list[int]:
        runs = provider.list_scalars(context, **told)
        return [series.max_step for tags in runs.values() for series in tags.values()]

    # It reads in the background, and does not say when it is done.
    before, now = [-1], newest()
    while not now or before != now:
        time.sleep(_LOOK_EVERY_S)
        before, now = now, newest()
    runs = provider.read_scalars(context, downsample=most, **told)
    # Its end is seen by our clock only when it is waited for.
    ingester._stdin_handle.close()
    os.wait()
    return sum(len(points) for tags in runs.values() for points in tags.values())
