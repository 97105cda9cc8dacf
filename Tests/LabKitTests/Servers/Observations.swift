import Glibc

/// Whether a process with this number exists, zombies left aside.
func processExists(_ pid: Int32) -> Bool {
    kill(pid, 0) == 0
}

func fileExists(_ path: String) -> Bool {
    access(path, F_OK) == 0
}
