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
# # What the head throws away
# **One question: what do a network's features hold that the loss never sees?**

# %%
import suppression as sup

scenes = sup.dataset("photographs", canvas=40)
turned = sup.datasets.Augmentation(view=32, quarter=1.0)
scenes.sample(6, augmentation=turned).show("Photographs, each view turned by quarters at random")

# %% [markdown]
# SimCLR trains an encoder, whose features are h, and on top of it a small head, whose output is z
# = g(h). The loss sees z only; after training the head is thrown away. Both views of a picture
# are turned at random, and z must be the same for both.
#
# **Predict.** By how many quarters was a picture turned? From which can that be read: from h, from
# z, from both? Guessing is right in about one case of four.

# %%
record = sup.record("h_vs_g")
arms = ["simclr, tau 0.2, quarter 1.0", "untrained"]
of = {"scenes": "transformed", "probe": "mlp"}
sup.lessons.panel(record, "rotation", arms=arms, title="Read of the rotation", **of)

# %% [markdown]
# **Explain.** What the two views do not share is of no use to the loss, and the head may lose it:
# that is what it is for. Compare h with that of the *untrained* network, too: did training add to
# what it held before, or only leave it there?
#
# **Predict.** In another training, noise is added to half of the views. Can it be read from h
# whether a picture has noise?

# %%
arms = ["simclr, tau 0.2, noise 0.5", "simclr, tau 0.2", "untrained"]
sup.lessons.panel(record, "noise", arms=arms, title="Read of the noise", **of)

# %% [markdown]
# **Explain.** Compare the two trained networks at h. Where noise was among the augmentations, the
# encoder itself has lost it, before the head. A head protects the features in part.
#
# ## Exercises
# 1. By how many points is the rotation read less well from z than from h, after training with
#    turned views (`quarter=1.0`)? Take the rows with `probe="mlp"`, a small network as the reader.
# 2. Of which transformation ("gray", "rotation", "noise", "sobel") does the head lose most? Take
#    each from the network that was trained with it ("gray": simclr, tau 0.2).
#
# **What this lesson does not show.** Networks and photographs are small, and each training was run
# three times: of noise and gray that is too few to tell whether the head loses any. In the paper
# (Chen et al. 2020, table 3) the head loses more.

# %%
points = None
sup.lessons.check("06.1", points)

# %%
most = None
sup.lessons.check("06.2", most)
