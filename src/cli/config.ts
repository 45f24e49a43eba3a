import { Command } from 'commander';
import { type ConfigFlag, configFlag, readConfig } from './installation.ts';

/** `gatehouse config`: the configuration, without starting anything. */
export function configCommand(): Command {
  return new Command('config')
    .description('check and show the configuration')
    .addCommand(checkCommand())
    .addCommand(printCommand())
    .addCommand(schemaCommand());
}

function checkCommand(): Command {
  return new Command('check')
    .description('say everything that is wrong with the configuration; exit code 2 if anything is')
    .addOption(configFlag())
    .addHelpText('after', '\nExample:\n  gatehouse config check --config /etc/gatehouse.yaml')
    .action(async (flags: ConfigFlag) => {
      await readConfig(flags);
      console.log('the configuration is sound');
    });
}

function printCommand(): Command {
  return new Command('print')
    .description('print the configuration in effect, defaults and substitutions included')
    .addOption(configFlag())
    .addHelpText('after', '\nExample:\n  gatehouse config print > effective.yaml')
    .action(async (flags: ConfigFlag) => {
      const { printConfig } = await import('#config/print.ts');
      process.stdout.write(printConfig(await readConfig(flags)));
    });
}

function schemaCommand(): Command {
  return new Command('schema')
    .description('print the JSON Schema of the configuration, for completion in editors')
    .addOption(configFlag().hideHelp())
    .addHelpText('after', '\nExample:\n  gatehouse config schema > registry.config.schema.json')
    .action(async () => {
      const { configJsonSchema } = await import('#config/schema.ts');
      console.log(JSON.stringify(configJsonSchema(), null, 2));
    });
}
