import Glibc

/// The running master process of nginx, and its workers.
struct NginxMaster: Sendable {
    let pid: pid_t

    /// - Throws: ``ProxyError/unavailable(detail:remedy:)`` when no process is there.
    init(pidFile: String) throws(ProxyError) {
        let text = Disk.read(pidFile) ?? ""
        let digits = text.prefix { $0.isNumber }
        guard let pid = pid_t(digits), pid > 1 else {
            throw .unavailable(detail: "nginx does not run: \(pidFile) holds no process id", remedy: "Start nginx")
        }
        guard kill(pid, 0) == 0 else {
            throw errno == EPERM
                ? .unavailable(
                    detail: "nginx (process \(pid)) belongs to another user", remedy: "Run both as the same user")
                : .unavailable(detail: "nginx does not run: process \(pid) is gone", remedy: "Start nginx")
        }
        // A pid file outlives a killed master, and its number may be another program's by now.
        let command = Disk.read("/proc/\(pid)/cmdline") ?? ""
        guard command.isEmpty || command.contains("nginx") else {
            throw .unavailable(detail: "nginx does not run: process \(pid) is another program", remedy: "Start nginx")
        }
        self.pid = pid
    }

    /// The workers that take new connections, or will in a moment. Empty where /proc does not tell.
    ///
    /// One that was just started still has its master's title, one that has ended and is not reaped has none.
    var workers: Set<pid_t> {
        let children = Disk.read("/proc/\(pid)/task/\(pid)/children") ?? ""
        return Set(
            children.split(separator: " ").compactMap { pid_t($0) }.filter { child in
                let title = Disk.read("/proc/\(child)/cmdline") ?? ""
                return !title.isEmpty && !title.contains("shutting down")
            })
    }

    /// Makes the master read its configuration: it starts new workers beside the old ones.
    func reload() throws(ProxyError) {
        guard kill(pid, SIGHUP) == 0 else {
            throw .unavailable(
                detail: "nginx (process \(pid)) cannot be told to reload: \(String(cString: strerror(errno)))",
                remedy: "Start nginx")
        }
    }

    /// Lets workers finish their requests and leave (SIGQUIT, nginx.org/en/docs/control.html). The master says the same
    /// to them 100 ms after it has started their successors; until then both take connections, and a client may meet
    /// the old configuration.
    func retire(_ workers: Set<pid_t>) {
        for worker in workers { _ = kill(worker, SIGQUIT) }
    }
}
