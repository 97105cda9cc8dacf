public import Glibc

/// A user of the machine that a server runs as. It matters only to root: everyone else runs servers as themselves.
public struct ServiceAccount: Sendable, Hashable {
    public let name: String
    public let userID: uid_t
    public let groupID: gid_t
    /// All groups of the user; `postgres` for one needs `ssl-cert`.
    public let groups: [gid_t]

    /// The account for a server: nil unless this process is root.
    ///
    /// - Throws: ``ServerError/accountMissing(account:server:)``
    public static func ifRoot(_ name: String, for server: String) throws(ServerError) -> ServiceAccount? {
        guard geteuid() == 0 else { return nil }
        guard let account = ServiceAccount(named: name) else { throw .accountMissing(account: name, server: server) }
        return account
    }

    /// Looks the user up in the machine's user database.
    public init?(named name: String) {
        var entry = passwd()
        var found: UnsafeMutablePointer<passwd>?
        var buffer = [CChar](repeating: 0, count: 16_384)
        guard getpwnam_r(name, &entry, &buffer, buffer.count, &found) == 0, found != nil else { return nil }
        var groups = [gid_t](repeating: 0, count: 256)
        var count = Int32(groups.count)
        guard getgrouplist(name, entry.pw_gid, &groups, &count) >= 0 else { return nil }
        self.name = name
        userID = entry.pw_uid
        groupID = entry.pw_gid
        self.groups = Array(groups.prefix(Int(count)))
    }

    /// The first directory on the way to `path` that this user may not pass through, if there is one.
    func obstacle(onTheWayTo path: String) -> String? {
        var directory = ""
        for component in path.split(separator: "/") {
            directory += "/\(component)"
            var status = stat()
            guard stat(directory, &status) == 0 else { return nil }
            let mayPass =
                if status.st_uid == userID {
                    status.st_mode & S_IXUSR != 0
                } else if groups.contains(status.st_gid) {
                    status.st_mode & S_IXGRP != 0
                } else {
                    status.st_mode & S_IXOTH != 0
                }
            if !mayPass { return directory }
        }
        return nil
    }
}
