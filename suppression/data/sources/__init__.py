"""Where the instances come from: embedded digits and photographs, MNIST, torchvision's data sets, folders."""
