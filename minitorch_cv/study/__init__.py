"""Looking at networks: what they cost, what their layers see, what they compute inside.

    print(study.summary(model, (3, 224, 224)))      # every layer: shape, parameters, operations, memory, receptive field
"""

from minitorch_cv.study.summary import Summary, summary

__all__ = ["Summary", "summary"]
