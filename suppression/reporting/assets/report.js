new Chart(document.getElementById("chart"), JSON.parse(document.getElementById("data").textContent));
document.getElementById("whole").open = false;
