/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * A Flamenco job type: every job folder in one folder is made, a task each. Put it into Flamenco Manager's folder
 * `scripts`. A task that is stopped or fails goes on from its checkpoint when it is run again.
 */
const JOB_TYPE = {
  label: "SJC: make objects",
  description: "Make the objects of the job folders in a folder",
  settings: [
    { key: "jobs_folder", type: "string", subtype: "dir_path", required: true, visible: "submission",
      description: "The folder that holds the job folders, as the workers see it" },
    { key: "count", type: "int32", required: true, default: 1, visible: "submission",
      description: "How many job folders there are" },
    { key: "python", type: "string", required: true, default: "python", visible: "submission",
      description: "The Python of the engine's environment on the workers" },
  ],
};

function compileJob(job) {
  const settings = job.settings;
  if (!(settings.count >= 1)) {
    throw new Error("count is " + settings.count + "; allowed: 1 or more");
  }
  for (let index = 0; index < settings.count; index++) {
    const task = author.Task("make-" + index, "misc");
    task.addCommand(author.Command("exec", {
      exe: settings.python,
      args: ["-m", "sjc_blender.engine", "resume", settings.jobs_folder, "--index", String(index)],
    }));
    job.addTask(task);
  }
}
