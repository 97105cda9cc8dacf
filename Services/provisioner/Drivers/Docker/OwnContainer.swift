import FoundationEssentials
import LabCore
import LabHTTPClient
import LabState

/// What the provisioner may not do from its own container, its own program does in another one that lives for a moment.
extension DockerEngine {
    /// What such a container may do beside nothing.
    struct OwnContainer: Sendable {
        var user = "10001:10001"
        /// `source:target`.
        var binds: [String] = []
        /// `none`, or `host`.
        var network = "none"
        var capabilities: [String] = []
    }

    /// Runs the lab's program from the image that this process runs from, and takes the container away again.
    ///
    /// - Parameter time: how long it may take.
    /// - Returns: nil where this process runs in no container of the engine, and nothing was run.
    func runOwn(
        _ arguments: [String], _ options: OwnContainer, within time: Duration
    ) async throws -> Execution? {
        guard let image = try await ownImage() else { return nil }
        struct Created: Decodable {
            let id: String
            private enum CodingKeys: String, CodingKey { case id = "Id" }
        }
        let strings: ([String]) -> JSONValue = { .array($0.map { .string($0) }) }
        let created = try await send(
            .post, "/containers/create",
            body: [
                "Image": .string(image), "Cmd": strings(arguments), "User": .string(options.user),
                "Healthcheck": ["Test": ["NONE"]],
                "HostConfig": [
                    "Binds": strings(options.binds), "NetworkMode": .string(options.network), "ReadonlyRootfs": true,
                    "CapDrop": ["ALL"], "CapAdd": strings(options.capabilities),
                    "SecurityOpt": ["no-new-privileges:true"],
                ],
            ]
        ).json(Created.self).id
        do {
            let execution = try await finish(created, within: time)
            try await remove(created)
            return execution
        } catch {
            try? await remove(created)
            throw error
        }
    }

    private func finish(_ container: String, within time: Duration) async throws -> Execution {
        struct End: Decodable {
            let code: Int
            private enum CodingKeys: String, CodingKey { case code = "StatusCode" }
        }
        _ = try await send(.post, "/containers/\(container)/start")
        let end = try await send(.post, "/containers/\(container)/wait", within: time).json(End.self)
        let frames = try await send(.get, "/containers/\(container)/logs?stdout=1&stderr=1")
        var outputs = ContainerOutputs(keeping: 65_536)
        outputs.add(frames.body)
        return Execution(
            exitCode: end.code, standardOutput: outputs.standardOutput, standardError: outputs.standardError,
            isCut: outputs.isCut)
    }

    /// The image of the container that this process runs in, by its content. Docker names a container's host by the
    /// beginning of its number.
    private func ownImage() async throws -> String? {
        struct Answer: Decodable {
            let image: String
            private enum CodingKeys: String, CodingKey { case image = "Image" }
        }
        let name = ProcessInfo.processInfo.hostName
        guard name.utf8.count == 12, name.utf8.allSatisfy({ "0123456789abcdef".utf8.contains($0) }) else { return nil }
        do {
            return try await send(.get, "/containers/\(name)/json").json(Answer.self).image
        } catch DockerFault.notFound {
            return nil
        }
    }

    /// Removes a folder of an app with the rights of root, where the provisioner itself runs in a container.
    ///
    /// - Returns: whether it was removed.
    func removeFolder(_ path: String, within settings: DockerSettings) async throws -> Bool {
        let options = OwnContainer(
            user: "0:0", binds: ["\(settings.appsDirectory):\(settings.appsDirectory)"],
            capabilities: ["DAC_OVERRIDE", "FOWNER"])
        return try await runOwn(["setup", "remove-folder", path], options, within: .seconds(600))?.exitCode == 0
    }
}
