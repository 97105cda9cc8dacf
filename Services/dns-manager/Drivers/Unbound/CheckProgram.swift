import Glibc

/// Runs a program that checks a file and says what is wrong. It blocks, for twenty seconds at the most.
enum CheckProgram {
    struct Result: Sendable {
        let isSuccess: Bool
        let output: String
    }

    static func run(_ program: String, _ argument: String) throws -> Result {
        var ends: [Int32] = [0, 0]
        // Rather than a pipe: `pipe2`, which alone closes it in other children from the start, is a GNU extension that
        // Glibc's module does not always show.
        let kind = Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue)
        guard socketpair(AF_UNIX, kind, 0, &ends) == 0 else {
            throw FileError(path: program, action: "make a socket for", code: errno)
        }
        defer { close(ends[0]) }
        let process: pid_t
        do {
            defer { close(ends[1]) }
            process = try spawn(program, argument, output: ends[1])
        }
        let (output, isComplete) = read(ends[0], for: .seconds(20))
        if !isComplete { kill(process, SIGKILL) }
        var status: Int32 = 0
        while waitpid(process, &status, 0) < 0 && errno == EINTR {}
        let isSuccess = isComplete && status & 0x7F == 0 && (status >> 8) & 0xFF == 0
        return Result(
            isSuccess: isSuccess, output: isComplete ? output : output + "\n(stopped after 20 seconds)")
    }

    private static func spawn(_ program: String, _ argument: String, output: Int32) throws -> pid_t {
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0)
        posix_spawn_file_actions_adddup2(&actions, output, STDOUT_FILENO)
        posix_spawn_file_actions_adddup2(&actions, output, STDERR_FILENO)
        let words = [strdup(program), strdup(argument)]
        defer { for word in words { free(word) } }
        var process: pid_t = 0
        let code = posix_spawnp(&process, program, &actions, nil, words + [nil], environ)
        guard code == 0 else { throw FileError(path: program, action: "start", code: code) }
        return process
    }

    /// Reads until the writers are gone.
    private static func read(_ end: Int32, for limit: Duration) -> (output: String, isComplete: Bool) {
        let deadline = ContinuousClock.now + limit
        var bytes: [UInt8] = []
        var part = [UInt8](repeating: 0, count: 4096)
        while true {
            let left = (deadline - ContinuousClock.now) / .milliseconds(1)
            guard left > 0 else { return (String(decoding: bytes, as: UTF8.self), false) }
            var watched = pollfd(fd: end, events: Int16(POLLIN), revents: 0)
            let ready = poll(&watched, 1, Int32(left.rounded(.up)))
            if ready < 0 && errno == EINTR { continue }
            guard ready > 0 else { continue }
            let count = Glibc.read(end, &part, part.count)
            if count < 0 && errno == EINTR { continue }
            guard count > 0 else { return (String(decoding: bytes, as: UTF8.self), true) }
            if bytes.count < 65536 { bytes += part[..<count] }
        }
    }
}
