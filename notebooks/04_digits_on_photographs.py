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
# # Digits on photographs
# **One question: what can be said when an effect is looked for and not seen?**

# %%
import suppression as sup

scenes = sup.dataset("digits_on_photos", canvas=40, share=0.25, instances=4)
scenes.sample(8).show("Four unique digits on many photographs")

# %% [markdown]
# Few unique digits lie on many photographs. The more unique ones there are, the better do they
# alone tell pictures apart. The published finding: SimCLR then keeps the digit and loses the
# photograph.
#
# **Predict.** Draw what SimCLR reads of the photograph from 1 unique digit to 256.

# %%
record = sup.record("digits_on_photos")
arms = ["simclr, tau 0.2", "supervised", "untrained"]
sup.lessons.panel(record, "scene", arms=arms, title="Read of the photograph")

# %% [markdown]
# **Explain.** Open markers are of one seed; their thin lines are 95 % intervals over test
# pictures alone, and say nothing of other seeds. Is there a fall? Before you conclude: was there
# a competitor at all?

# %%
sup.lessons.panel(record, "digit", arms=arms, title="Read of the digit on its photograph")

# %% [markdown]
# **Explain.** Where SimCLR hardly reads the digit, nothing competes with the photograph. The
# supervised network, told the digit, reads it better: it can be seen. So the setting did not
# produce the competition that the claim is about. That is no evidence against the claim.

# %%
print(record.verdict())

# %% [markdown]
# ## Exercises
# 1. By how many points does what SimCLR (tau 0.2) reads of the *scene* change from 1 to 256
#    unique digits? Give the sign.
# 2. Which word is right for the claim here: "reproduced", "refuted" or "not reproduced"?
#
# **What this lesson does not show.** Longer training, larger pictures, more seeds.

# %%
change = None
sup.lessons.check("04.1", change)

# %%
word = None
sup.lessons.check("04.2", word)
