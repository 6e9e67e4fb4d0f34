"""What stands behind the help icons of *Compare* and *Predictions*: each formula and one sentence."""

from ict.analysis.differences import DRAWS, IMAGES, MODELS, SEEDS
from ict.analysis.paired_runs import ONE_SEED

OF_INTERVAL = {
    SEEDS: "d̄ ± t(S − 1) · s / √S of the differences d of S seeds, each on the same images (paired t). "
    "It says where the mean of other trainings on these test images lies.",
    DRAWS: "Var(d̄) = (MS_seeds + MS_draws − MS_rest) / (S · R) of the differences by seed and draw "
    "(Scheffé 1959). It says where the mean lies for other seeds and other random channels.",
    IMAGES: "Var(d̄) = (MS_seeds + MS_images − MS_rest) / (S · I) of right(A) − right(B) by seed and image "
    "(Scheffé 1959). It says where the mean lies for other seeds on another test set like this one.",
    MODELS: "(b − c) / (n + 2) ± 1.96 · se, half an image added to each cell of right and wrong "
    "(Agresti and Min 2005). It speaks of these two trained models on other images.",
    ONE_SEED: "d̄ ± t · √(s²_A / n_A + s²_B / n_B) over draws (Welch 1947). It speaks of other random "
    "channels at this one seed.",
}
OVER_TASKS = (
    "Mean of the tasks' differences; variance = Σ se² / T², degrees of freedom by Satterthwaite (1946). "
    "It speaks of these tasks and no others."
)
DIFFERENCE = (
    "Mean of A − mean of B, paired by seed; random draws are averaged within their seed first. "
    "Above 0, A has more of it."
)
LEVEL = "Mean over seeds on the test images, draws averaged within a seed."
MARGIN = (
    "*Equivalent*: the 90 % interval lies inside ± the margin (two one-sided tests at 5 %, Schuirmann 1987). "
    "Below it a difference is taken not to matter."
)
SEED_COUNT = (
    "Pairs of trainings with the same seed. Fewer than five are exploratory, whatever they say."
)
FLIPS = (
    "McNemar's test: of the b + c images that one of the two alone gets right, b against c ~ Binomial(b + c, ½). "
    "It speaks of these two trained models, not of their methods."
)
AGREEMENT = (
    "wrong under both / wrong under either, for each two runs. Runs of one method share more errors than "
    "runs of two, where the method decides which images are hard."
)
POWER = (
    "The smallest true difference whose 95 % interval leaves out 0 in 80 % of repetitions with n seeds "
    "(noncentral t of the spreads found here). The band is what so few seeds leave open of their spread (χ²)."
)
WILSON = (
    "(p + z²/2n ± z · √(p (1 − p)/n + z²/4n²)) / (1 + z²/n) with z = 1.96 (Wilson 1927). "
    "It says where the accuracy of this trained model lies on other images of the kind; other seeds are not in it."
)
BALANCED = "Mean of the classes' accuracies. Unlike the accuracy it counts every class alike, however many images it has."
CONFUSION = (
    "images of the class with that answer / images of the class. Rows are the true classes; a click on a "
    "cell shows its images below."
)
CERTAINTY = (
    "p = max softmax(logits), of the class that was answered. It is how sure the model says it is, not how "
    "often such answers are right."
)
MOST_MISTAKEN = (
    "argmax over class ≠ answer of images with that answer / images of the class. Pairs of equal shares are "
    "tied; with few images of a class a large share can be chance."
)
