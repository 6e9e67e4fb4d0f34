from ict.cli import main

main()
