// Its import installs the log, once a process: what is imported is shared by the files that a process runs, and this file is not.
import './logged.ts';
