"""The book's full softmax of skip-gram and of CBOW, and its hierarchical softmax, as the formulas read.

All in float64; `v` holds the vectors of words that predict, `u` those of words that are predicted, (V, D)
both. In skip-gram the center predicts each context, in CBOW the contexts together predict the center. A
window ends where the text ends.
"""

import numpy as np


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def windows(text, m):
    """Each word of a text, with the words at most m places from it."""
    for t, word in enumerate(text):
        yield word, [text[j] for j in range(max(0, t - m), min(len(text), t + m + 1)) if j != t]


def probabilities(h, u):
    """exp(u_w.h) / sum_i exp(u_i.h) of each word w."""
    return np.array([np.exp(u_w @ h) for u_w in u]) / sum(np.exp(u_i @ h) for u_i in u)


def skipgram(c, v, u):
    """P(w_o | w_c) of each word o."""
    return probabilities(v[c], u)


def mean_of(contexts, v):
    """The mean of the context vectors, (v_o1 + ... + v_o2m) / 2m."""
    return sum(v[o] for o in contexts) / len(contexts)


def cbow(contexts, v, u):
    """P(w_c | w_o1, ..., w_o2m) of each word c."""
    return probabilities(mean_of(contexts, v), u)


def skipgram_log_likelihood(text, m, v, u):
    """sum_t sum_j log P(w^(t+j) | w^(t)), over the places j of the window."""
    return sum(np.log(skipgram(c, v, u)[o]) for c, contexts in windows(text, m) for o in contexts)


def cbow_log_likelihood(text, m, v, u):
    """sum_t log P(w^(t) | w^(t-m), ..., w^(t+m))."""
    return sum(np.log(cbow(contexts, v, u)[c]) for c, contexts in windows(text, m))


def skipgram_center_gradient(o, c, v, u):
    """d log P(w_o | w_c) / d v_c = u_o - sum_j P(w_j | w_c) u_j."""
    return u[o] - sum(p * u_j for p, u_j in zip(skipgram(c, v, u), u, strict=True))


def cbow_context_gradient(c, contexts, v, u):
    """d log P(w_c | W_o) / d v_oi = (u_c - sum_j P(w_j | W_o) u_j) / 2m, the same for each place i."""
    expected = sum(p * u_j for p, u_j in zip(cbow(contexts, v, u), u, strict=True))
    return (u[c] - expected) / len(contexts)


def output_gradient(word, h, u):
    """d log P(w | h) / d u: (1 - P(w | h)) h in the row of w, -P(w_j | h) h in the others."""
    return (np.eye(len(u))[word] - probabilities(h, u))[:, None] * h


def skipgram_gradients(text, m, v, u):
    """Gradients by v and by u of the log-likelihood of a text."""
    by_v, by_u = np.zeros_like(v), np.zeros_like(u)
    for c, contexts in windows(text, m):
        for o in contexts:
            by_v[c] += skipgram_center_gradient(o, c, v, u)
            by_u += output_gradient(o, v[c], u)
    return by_v, by_u


def cbow_gradients(text, m, v, u):
    """Gradients by v and by u of the log-likelihood of a text."""
    by_v, by_u = np.zeros_like(v), np.zeros_like(u)
    for c, contexts in windows(text, m):
        for o in contexts:
            by_v[o] += cbow_context_gradient(c, contexts, v, u)
        by_u += output_gradient(c, mean_of(contexts, v), u)
    return by_v, by_u


def on_path(path, h, u):
    """The product over a path of s(u_n.h) where it turns left at node n, s(-u_n.h) where it turns right.

    `path` are the inner nodes from the root down, with a turn each: 0 for left, 1 for right.
    """
    product = 1.0
    for node, turn in path:
        product *= sigmoid(u[node] @ h if turn == 0 else -u[node] @ h)
    return product


def slopes(function, point, step=1e-5):
    """The gradient of a function of an array, by central differences."""
    found = np.zeros_like(point)
    for index in np.ndindex(point.shape):
        up, down = point.copy(), point.copy()
        up[index] += step
        down[index] -= step
        found[index] = (function(up) - function(down)) / (2 * step)
    return found
