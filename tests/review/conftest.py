"""`--diff-update` writes the golden differences anew; review them as a user would."""


def pytest_addoption(parser):
    parser.addoption("--diff-update", action="store_true", help="write the golden differences anew")
