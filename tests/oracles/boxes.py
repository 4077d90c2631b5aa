"""Rectangles that lie over each other."""


def overlapping(boxes):
    """The pairs of (left, bottom, right, top) that share more than an edge, each compared with each."""
    return [
        (i, j)
        for i, a in enumerate(boxes)
        for j, b in enumerate(boxes[:i])
        if a[0] < b[2] and b[0] < a[2] and a[1] < b[3] and b[1] < a[3]
    ]
