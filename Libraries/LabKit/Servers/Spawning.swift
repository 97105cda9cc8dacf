import Glibc
import Subprocess
import SystemPackage

/// A program with its arguments, as a user of the machine runs it.
///
/// setpriv(1) changes the user and then becomes the program. Subprocess could do so between fork and exec; but it forks
/// by a bare clone, after which glibc's setgroups, setgid and setuid wait for ever for a thread that was just being
/// created in the parent and does not exist in the child.
struct Invocation {
    let executable: String
    let arguments: [String]

    init(_ executable: String, _ arguments: [String], as account: ServiceAccount?) throws(ServerError) {
        guard let account else {
            self.executable = executable
            self.arguments = arguments
            return
        }
        self.executable = try Program.find("setpriv")
        let groups = account.groups.map(String.init).joined(separator: ",")
        self.arguments =
            [
                "--reuid=\(account.userID)", "--regid=\(account.groupID)",
                groups.isEmpty ? "--clear-groups" : "--groups=\(groups)", "--", executable,
            ] + arguments
    }
}

extension PlatformOptions {
    /// A process group of its own, so that whatever the program starts can be ended with it.
    static var ownGroup: PlatformOptions {
        var options = PlatformOptions()
        options.processGroupID = 0
        options.teardownSequence = [
            .send(signal: .terminate, toProcessGroup: true, allowedDurationToNextStep: .milliseconds(500))
        ]
        return options
    }
}

extension Environment {
    static func updates(_ variables: [String: String]) -> [Key: String?] {
        var updates: [Key: String?] = [:]
        for (name, value) in variables { updates[Key(stringLiteral: name)] = .some(value) }
        return updates
    }

    static func fixed(_ variables: [String: String]) -> Environment {
        var values: [Key: String] = [:]
        for (name, value) in variables { values[Key(stringLiteral: name)] = value }
        return .custom(values)
    }

    static func currentValue(_ name: String) -> String? {
        getenv(name).map { String(cString: $0) }
    }
}
