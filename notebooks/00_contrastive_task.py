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
# **One question: a network is never told what it sees. What does it have to do, then?**

# %%
import suppression as sup

scenes = sup.dataset("random_bits", bits=0)
crops = sup.datasets.Augmentation(area_min=0.4)
sample = scenes.sample(8, augmentation=crops)
sample.show("Eight digits")

# %% [markdown]
# Below each digit stand two *views* of it: random crops, resized. The task: given one view, the
# *anchor*, find the other view of the same picture among the views of all pictures. No label is
# needed.
#
# **Predict.** Take the pixels themselves as features. The anchor is the first view of the
# leftmost digit. Which of the eight second views is most like it? Is it its own?

# %%
first, second = sample.views
z1, z2 = first.flatten(1), second.flatten(1)  # raw pixels, in place of a network
sup.lessons.softmax_strip(sample, z1, z2, taus=[1.0, 0.2, 0.05])

# %% [markdown]
# **Explain.** Likeness is measured by the cosine. Cosines are divided by a number, the
# temperature tau, and turned into shares by a softmax. The orange share is that of the right
# answer, and the loss of the anchor is minus its logarithm. At a high temperature all others
# count nearly the same; at a low one only those that are most alike. This is *NT-Xent*, the loss
# of the method SimCLR, with one difference: SimCLR compares an anchor with the first views of
# the other pictures, too.

# %%
unit1 = z1 / z1.norm(dim=1, keepdim=True)
unit2 = z2 / z2.norm(dim=1, keepdim=True)
shares = (unit1 @ unit2.T / 0.2).softmax(1)  # a row for each anchor, a column for each other view
{"loss of each anchor": [round(float(-share.log()), 2) for share in shares.diagonal()]}

# %% [markdown]
# **Predict.** Train a small network with SimCLR: 200 batches of 64 pictures, some twenty seconds.
# What happens to the shares?

# %%
# What suits so small a network: few channels, and an optimiser that learns in few steps.
settings = {"steps": 200, "width": 8, "stem": 2, "optimiser": "muon", "lr": 1e-2}
encoder = sup.fit(scenes, method="simclr", tau=0.2, area_min=0.4, **settings)
sup.lessons.softmax_strip(sample, encoder(first), encoder(second), taus=[1.0, 0.2, 0.05])

# %% [markdown]
# **Explain.** Compare the bars with those of the pixels. Whatever tells pictures apart lowers the
# loss. Nobody said that it must be the digit. If something easier tells them apart, the digit may
# not be learned at all: that is *feature suppression*, which the other lessons are about. (What
# you see are the features h that the network keeps. The loss itself is computed from a small
# further part on top of it, which lesson 06 looks at.)
#
# ## Exercises
# 1. A network that gives the same output for all pictures has *collapsed*. What is NT-Xent of 8
#    pictures then, two views each, as SimCLR computes it (natural logarithm)?
# 2. Write `nt_xent(z1, z2, tau)` for two tensors of outputs, (n, d) each: the mean over all 2n
#    views, each as an anchor that is compared with the 2n-1 other views.
# 3. The views of other pictures are an anchor's *negatives*. Write `hardest(similarities, tau)`:
#    of a softmax over the negatives in a list, the share of the most similar one.
#
# **What this lesson does not show.** Eight pictures are few: a batch in training has many more.

# %%
collapsed = None
sup.lessons.check("00.1", collapsed)

# %%
nt_xent = None
sup.lessons.check("00.2", nt_xent)

# %%
hardest = None
sup.lessons.check("00.3", hardest)
