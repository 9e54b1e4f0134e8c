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
# **One question: what is in the features h that is no longer in the output that the loss sees?**

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
# **Predict.** From which one can it be read by how many quarters a picture is turned: h, z, both?
# By guessing, about one case of four.

# %%
record = sup.record("h_vs_g")
arms = ["simclr, tau 0.2, quarter 1.0", "untrained"]
of = {"scenes": "transformed", "probe": "mlp"}
sup.lessons.panel(record, "rotation", arms=arms, title="Read of the rotation", **of)

# %% [markdown]
# **Explain.** What the views do not share is no use to the loss, and the head may lose it: that
# is what it is for. Compare h with that of the *untrained* network, too: has training added to
# it, or has it been spared?
#
# **Predict.** Some networks see noise at random, too. Is it as well read off h?

# %%
arms = ["simclr, tau 0.2, noise 0.5", "simclr, tau 0.2", "untrained"]
sup.lessons.panel(record, "noise", arms=arms, title="Read of the noise", **of)

# %% [markdown]
# **Explain.** Compare the two trained networks at h. Where noise was among the augmentations, the
# encoder itself has lost it, before the head. A head protects the features in part.
#
# ## Exercises
# 1. How many points of rotation are lost between h and z (arm with `quarter=1.0`, probe `mlp`)?
# 2. Of which transformation ("gray", "rotation", "noise", "sobel") does the head lose most, each
#    read off the arm that was trained with it ("gray": simclr, tau 0.2)?
#
# **What this lesson does not show.** Small networks on small photographs; of noise and gray three
# seeds cannot tell whether the head loses any. The published losses are larger.

# %%
points = None
sup.lessons.check("06.1", points)

# %%
most = None
sup.lessons.check("06.2", most)
