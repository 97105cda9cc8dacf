import LabCore
import LabService
import LabState

/// An app in containers, as the operations that look into it find it.
struct DockerApp {
    let app: Resource<AppSpec>
    let name: AppName
    let runtime: DockerRuntime

    /// - Parameters:
    ///   - purpose: what is wanted of it, as in “read the logs of”.
    ///   - remedy: what to do where the app is in no containers.
    /// - Throws: a problem when there is no such app, or it is in no containers.
    init(_ name: ResourceName, to purpose: String, remedy: String, _ call: OperationCall) async throws {
        app = try await AppInput(name: name).app(call)
        let runtimes = try Runtimes(call.lab)
        guard app.spec.effectiveRuntime == .docker else {
            throw runtimes[app.spec.effectiveRuntime].unsupported("\(purpose) App \(app.name)", remedy: remedy)
        }
        self.name = try App.appName(app.name)
        runtime = runtimes.docker
    }

    /// - Throws: what `work` throws, the engine's faults as a problem, but for one: what takes too long is the caller's
    ///   to explain.
    func asking<Value>(_ work: (DockerEngine) async throws -> Value) async throws -> Value {
        do {
            return try await work(runtime.engine)
        } catch DockerFault.timedOut(let time) {
            throw DockerFault.timedOut(after: time)
        } catch let fault as DockerFault {
            throw Problem(.unavailable, title: "Docker is not available", detail: "\(fault)")
        }
    }

    /// The app's containers, by service.
    func containers() async throws -> [DockerEngine.Container] {
        try await asking { try await $0.containers(of: runtime.settings.project(of: name)) }
            .sorted { $0.service < $1.service }
    }

    /// - Throws: a problem at `pointer` when the app has no such service.
    func check(_ service: String?, among services: some Sequence<String>, at pointer: String) throws {
        let services = Set(services).sorted()
        guard let service, !services.contains(service) else { return }
        throw Problem.invalid(
            pointer, "App \(name) has no service “\(service)”",
            remedy: services.isEmpty ? "Leave it out" : "Give one of \(services.joined(separator: ", "))")
    }
}
