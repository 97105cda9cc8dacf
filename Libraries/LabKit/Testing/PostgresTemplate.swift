import FoundationEssentials
import LabCore
import LabServers

/// A new cluster that is made once in this process and copied for each test: a copy takes a tenth of initdb's time.
actor PostgresTemplate {
    static let shared = PostgresTemplate()
    static let password = Secret("lab-test-password")

    private var cluster: Task<String, any Error>?

    /// Puts a copy of the cluster where a server with this directory finds its own.
    func copy(to directory: String) async throws {
        if cluster == nil {
            cluster = Task {
                let parent = AbandonedDirectories.newPath()
                try FileManager.default.createDirectory(
                    atPath: parent, withIntermediateDirectories: false, attributes: [.posixPermissions: 0o711])
                let path = parent + "/template"
                try await PostgresServer(
                    directory: path, port: LoopbackPort.free(), password: Self.password, isDurable: false
                ).prepare()
                return path
            }
        }
        guard let source = try await cluster?.value else { return }
        // -a keeps the owner, who is another user than this process's when that is root's.
        try await Program.run("cp", ["-a", source, directory]).orThrow()
    }
}
