"""Looking at networks: what they cost, what their layers see, what they compute inside.

    print(study.summary(model, (3, 224, 224)))          # every layer: shape, parameters, operations, memory, receptive field
    study.features(model, images, "layer3")             # what a layer computes
    study.draw_comparison(candidates, "picture.png")    # accuracy against cost
"""

from minitorch_cv.study.compare import Candidate, candidate, comparison_table, draw_comparison
from minitorch_cv.study.features import features
from minitorch_cv.study.summary import Summary, summary

__all__ = ["Candidate", "Summary", "candidate", "comparison_table", "draw_comparison", "features", "summary"]
