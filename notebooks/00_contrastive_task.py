# ---
# jupyter:
#   jupytext:
#     formats: ipynb,py:percent
#     text_representation:
#       extension: .py
#       format_name: percent
#       format_version: '1.3'
#       jupytext_version: 1.19.6
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # What is a contrastive task?
# **One question: what does a network have to do, that is never told what it sees?**

# %%
import suppression as sup

scenes = sup.dataset("random_bits", bits=0)
crops = sup.datasets.Augmentation(area_min=0.4)
sample = scenes.sample(8, augmentation=crops)
sample.show("Eight digits")

# %% [markdown]
# Below each digit stand two *views* of it: random crops, resized. The task: given one view, find
# the other view of the same picture among those of all pictures. No label is needed.
#
# **Predict.** Take the pixels themselves as features. Which of the eight second views is most
# like the first view of the leftmost digit? Is it its own?

# %%
first, second = sample.views
z1, z2 = first.flatten(1), second.flatten(1)  # raw pixels, in place of a network
sup.lessons.softmax_strip(sample, z1, z2, taus=[1.0, 0.2, 0.05])

# %% [markdown]
# **Explain.** Cosines are divided by the temperature tau and turned into shares by a softmax. The
# orange share is that of the right answer, and the loss of the anchor is minus its logarithm. At
# a high temperature all others count nearly alike; at a low one only those that are most alike.
# That is NT-Xent, but that there an anchor is told from the first views of the others, too.

# %%
unit1 = z1 / z1.norm(dim=1, keepdim=True)
unit2 = z2 / z2.norm(dim=1, keepdim=True)
shares = (unit1 @ unit2.T / 0.2).softmax(1)  # a row for each anchor, a column for each other view
{"loss of each anchor": [round(float(-share.log()), 2) for share in shares.diagonal()]}

# %% [markdown]
# **Predict.** Train a small network on that loss, for some seconds. What happens to the shares?

# %%
settings = {"steps": 200, "width": 8, "stem": 2, "optimiser": "muon", "lr": 1e-2}
encoder = sup.fit(scenes, method="simclr", tau=0.2, area_min=0.4, **settings)
sup.lessons.softmax_strip(sample, encoder(first), encoder(second), taus=[1.0, 0.2, 0.05])

# %% [markdown]
# **Explain.** Compare the bars with those of the pixels. These are the features h; the loss is
# taken of the output of a small head on top of them (lesson 06). Whatever tells pictures apart
# lowers the loss. Nobody said that it must be the digit: that is where suppression comes in
# (lesson 05).
#
# ## Exercises
# 1. All projections are the same point: the network has *collapsed*. What is NT-Xent of n = 8
#    pairs then, in nats?
# 2. Write `nt_xent(z1, z2, tau)`, the mean over the anchors of both views, each told from all 2n
#    - 1 others. It gets tensors (n, d); methods as above will do.
# 3. Write `hardest(similarities, tau)`: the share of the softmax over a list of negatives that
#    the most similar one takes.
#
# **What this lesson does not show.** Eight pictures are few: a batch has a hundred or more.

# %%
collapsed = None
sup.lessons.check("00.1", collapsed)

# %%
nt_xent = None
sup.lessons.check("00.2", nt_xent)

# %%
hardest = None
sup.lessons.check("00.3", hardest)
